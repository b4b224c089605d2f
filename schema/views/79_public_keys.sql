-- Views were made anew, and perhaps there are more: each that shows hashes has its key.
SELECT peerscope.make_public_keys();
SELECT peerscope.grant_roles();
