"""Runs detectors over recorded trials and scores each trial."""
