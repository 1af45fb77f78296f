"""
Each algorithm of the registry, spoken with clients that others wrote; `check_algorithms.py` runs it.
"""
