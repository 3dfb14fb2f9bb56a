"""Snapshot -> rows of toned text. Pure: no Textual, no clock, no I/O, and no rules.

Every function takes what it shows and how wide it may be, and returns values that tests compare.
What is unknown is said as unknown here, never left to look well.
"""
