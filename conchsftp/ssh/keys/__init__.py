"""
Host keys: where they are kept, what is known of them, and how they prove who the server is.
"""
