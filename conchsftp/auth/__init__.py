"""
Floor 3. Who may come in: methods, credentials, checkers, the realm.
"""
