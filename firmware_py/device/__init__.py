"""What a person runs at the treadmill: check, self-test, calibration, commissioning."""
