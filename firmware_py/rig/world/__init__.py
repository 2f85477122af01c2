"""The simulated world: a person, a treadmill, and what the sensors see of them."""
