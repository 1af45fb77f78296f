"""
Users: what is known of one, and the users file that says it. Knows no logins.
"""
