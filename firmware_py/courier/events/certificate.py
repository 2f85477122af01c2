"""Owns the message about a certificate whose dates do not hold: usually the clock of this device is wrong.

For whoever meets one, the way to the broker and enrolment. Must never decide whether a certificate is believed.
"""

import ssl
import time

from sensors.advice import Advice

NOT_YET_VALID, EXPIRED = 9, 10  # X509_V_ERR_... of OpenSSL


def wrong_dates(whose: str, error: ssl.SSLCertVerificationError) -> Advice | None:
    """What to do about the certificate `whose`; None when its dates are not what is wrong."""
    if error.verify_code == EXPIRED:
        what = f"{whose} has expired by this device's clock"
    elif error.verify_code == NOT_YET_VALID:
        what = f"{whose} is not valid yet by this device's clock"
    else:
        return None
    today = time.strftime("%Y-%m-%d %H:%M")
    return Advice(what, f"Usually the clock, which shows {today}, is wrong", "check it with timedatectl")
