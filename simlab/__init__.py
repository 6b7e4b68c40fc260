"""A simulated laboratory: instruments with realistic files behind real servers.

Start with :class:`simlab.lab.SimLab`; nothing is imported here so that ``import simlab`` is cheap.
"""
