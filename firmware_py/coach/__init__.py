"""The coach: helps a walker to follow a plan, and says "enough" in time. It can only speak and be shown.

Rule 1: nothing here can arm, lengthen a run or change a limit. The guard does not know that the coach exists.
Rule 2: no coaching reason ever stops the belt: a stop is itself a push.
Rule 3: the rules are pure. Time, history and answers are arguments, so that a whole course can be replayed.

    plan/         programme (bounds, defaults, sources), plans (the files), progression (what comes next, and why)
    walk/         what a walk shows: strides, enough, posture, rhythm
    phases        checklist, tare, set, pause, questions, end: one table
    questions     what may be asked, and which answers there are
    record        what is kept of a session
    session       one session, tick by tick
    live          beside the courier: who walks, which code holds
    view          what the pages show of it
    diary         sessions and answers in the courier's database
    words         every sentence
    sound         the second speaker, silent while the guard speaks
    report/       one page for a physiotherapist; CSV, JSON, FHIR
    command       rearguard programme, rearguard forget
"""
