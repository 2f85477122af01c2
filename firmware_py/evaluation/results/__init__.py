"""Adds scores up into tables, plots and one page."""
