"""The page, for a phone on a stand and for a desk. Nothing here can start or stop the belt."""
