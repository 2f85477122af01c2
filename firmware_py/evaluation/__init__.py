"""Recorded subjects -> frames -> the same core -> scores. Must never be imported by the guard or the core.

files -> datasets (sisfall, fallalld, kfall, movingreality, ipol) -> trials -> streams (cold, warm) -> replay -> score
                                             variants (harder) ^        peers (published rules) ^        | -> report
"""
