"""A whole gym on this computer: `rearguard demo --gym 12`. Light treadmills; broker, alerts and floor page are real.

story      which treadmill does what
machine    one treadmill: decisions from the rig, events on disk, real MQTT
phone      a phone that shows what arrives (phone.html)
view       the terminal picture
play       starts everything, waits for the fall and for an answer, leaves nothing behind
"""
