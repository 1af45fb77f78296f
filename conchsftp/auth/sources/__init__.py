"""
Sources of users: the checkers that vouch for them, and what these have in common.
"""
