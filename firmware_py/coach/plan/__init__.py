"""The plan of a walker: what a person sets, where it stands, and the step from one session to the next."""
