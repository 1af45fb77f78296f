"""
Keys and certificates of users: what they are, what they sign, what was said of them. Knows no logins and no users.
"""
