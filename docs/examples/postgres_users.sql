-- Users of postgres_users.py: psql sftp < postgres_users.sql
CREATE TABLE users (
    name     text PRIMARY KEY,
    password text,                       -- a bcrypt hash; NULL: no login by password
    root     text,                       -- the folder that the user sees as /; NULL: that of the server
    home     text NOT NULL DEFAULT '/',  -- where the user starts, inside that folder
    enabled  boolean NOT NULL DEFAULT true
);

CREATE TABLE keys (
    user_name text NOT NULL REFERENCES users (name) ON DELETE CASCADE ON UPDATE CASCADE,
    line      text NOT NULL,             -- a line of authorized_keys
    PRIMARY KEY (user_name, line)
);
