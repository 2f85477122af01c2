"""The coach: helps a walker to follow a plan, and says "enough" in time. It can only speak and be shown.

Rule 1: nothing here can arm, lengthen a run or change a limit. The guard does not know that the coach exists.
Rule 2: no coaching reason ever stops the belt: a stop is itself a push.
Rule 3: the rules are pure. Time, history and answers are arguments, so that a whole course can be replayed.

    programme     the plan of one walker: bounds, defaults, sources
    progression   from what was done and answered to the dose of the next session, with its reason
    phases        checklist, tare, set, pause, questions, end: one table
    enough        fatigue, from how alike the strides are
    posture       hips tipped forward
    rhythm        softness, evenness, and the beat of the metronome
"""
