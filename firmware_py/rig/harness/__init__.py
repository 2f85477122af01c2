"""Joins the simulated world to the real code: in one process, or as processes of their own."""
