"""What the pod on the hip tells: where up is, whether somebody walks, whether balance is lost."""
