"""The engine: the way of a file from a listing to a proven copy, in plain Python.

scan -> settle -> plan -> claim -> transfer -> prove -> publish, with breaker and explain beside
it. Nothing here knows HTTP or Prefect.
"""
