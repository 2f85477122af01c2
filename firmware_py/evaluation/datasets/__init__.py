"""Recorded data sets: files become trials in the body frame."""
