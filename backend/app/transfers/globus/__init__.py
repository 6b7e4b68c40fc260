"""Globus as a mover: collections that transfer among themselves, watched and taken over by us.

A task of the service carries many files from the instrument's collection into a landing collection
that a worker sees as a folder; from there they go the way of all files, hashed and read back.
"""

from app.transfers.globus.mover import Globus

__all__ = ["Globus"]
