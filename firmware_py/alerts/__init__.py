"""Alerts: somebody who is not looking at the page learns of a fall within seconds.

A process of its own, fed from the courier's event database, which it only reads. It can never make the belt run, and no
alert is a safety function: the guard has stopped the belt before anything here begins.

    classes       which event concerns whom: HELP, LOOK, CARE, COACH
    quiet         hours in which only HELP and LOOK are sent
    policy        what is due now: first, again, to others, late, never
    people        who is told, over which channel (a file of its own: it holds secrets)
    store         alerts and deliveries on disk
    channels      webhook, ntfy, mail; everything else through apprise
    acknowledge   a signed link that stops repeats, and nothing else
    process       the loop that joins them
"""
