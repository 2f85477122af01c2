"""Process 1: reads the sensors, drives the relay, the panel and the link to the courier. Decides nothing itself."""
