"""What the coach can see of a walk: strides, "enough", posture, rhythm. Pure: the same ticks give the same words."""
