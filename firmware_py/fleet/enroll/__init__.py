"""Enrolment: a treadmill gets a certificate of its own for a code that works once."""
