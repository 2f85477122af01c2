"""The pages of the fleet: floor, treadmill, incidents, versions. They read, and write who is on the way."""
