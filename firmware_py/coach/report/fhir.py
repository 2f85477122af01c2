"""Owns the report as a FHIR R4 bundle, after the HL7 Physical Activity guide 1.0.0. Must never hold a person's name.

LOINC has codes for exercise and its duration, not for walking backward: those are of a local code system. A walker is
a Patient with an identifier and nothing else; who that is stands in the clinic's own system.
"""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from firmware_py.coach.record import Record
from firmware_py.coach.report.account import Account
from firmware_py.coach.report.files import rfc3339

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
LOCAL = "urn:rearguard:codes"
WALKERS = "urn:rearguard:walkers"
CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "activity"}
ACTIVITY, DURATION, STEPS, PAIN = "73985-4", "55411-3", "55423-8", "72514-3"


def bundle(account: Account) -> dict[str, Any]:
    """A bundle of type collection: one Patient, and the Observations of every session."""
    patient = _id(account.walker)
    entries = [
        _entry(
            {
                "resourceType": "Patient",
                "id": patient,
                "identifier": [{"system": WALKERS, "value": account.walker}],
            }
        )
    ]
    for record in account.past:
        entries += [_entry(o) for o in _observations(record, patient)]
    return {
        "resourceType": "Bundle",
        "id": _id(f"{account.walker} {account.past[-1].id}"),
        "type": "collection",
        "timestamp": rfc3339(account.made.timestamp()),
        "entry": entries,
    }


def _observations(record: Record, patient: str) -> list[dict[str, Any]]:
    minutes = sum(s.walked_s for s in record.sets) / 60
    found = [
        _observation(record, patient, ACTIVITY, "Exercise activity", _concept())
        | {"note": [{"text": f"Backward on a treadmill. {record.reason}"}]},
        _observation(record, patient, DURATION, "Exercise duration", _quantity(minutes, "min", "min")),
        _observation(
            record,
            patient,
            STEPS,
            "Number of steps",
            _quantity(sum(s.steps for s in record.sets), "steps", "{steps}"),
        ),
        _observation(
            record,
            patient,
            "belt-speed",
            "Treadmill belt speed, as planned",
            _quantity(record.done().dose.speed_km_h, "km/h", "km/h"),
            LOCAL,
        ),
    ]
    pain = record.answers.get("pain")
    if isinstance(pain, int):
        found.append(
            _observation(record, patient, PAIN, "Pain severity, 0 to 10", _quantity(pain, "score", "{score}"))
        )
    effort = record.answers.get("effort")
    if isinstance(effort, int):
        value = _quantity(effort, "score", "{score}")
        found.append(_observation(record, patient, "effort", "Perceived exertion, 6 to 20", value, LOCAL))
    return found


def _observation(
    record: Record, patient: str, code: str, words: str, value: dict[str, Any], system: str = LOINC
) -> dict[str, Any]:
    ended_s = record.ended_s or record.seen_s
    return {
        "resourceType": "Observation",
        "id": _id(f"{record.id} {code}"),
        "status": "final",
        "category": [{"coding": [CATEGORY]}],
        "code": {"coding": [{"system": system, "code": code, "display": words}]},
        "subject": {"reference": f"urn:uuid:{patient}"},
        "effectivePeriod": {
            "start": rfc3339(record.started_s),
            "end": rfc3339(max(ended_s, record.started_s)),
        },
        **value,
    }


def _quantity(value: float, unit: str, code: str) -> dict[str, Any]:
    return {"valueQuantity": {"value": round(float(value), 2), "unit": unit, "system": UCUM, "code": code}}


def _concept() -> dict[str, Any]:
    coding = {
        "system": LOCAL,
        "code": "retro-treadmill-walking",
        "display": "Walking backward on a treadmill",
    }
    return {"valueCodeableConcept": {"coding": [coding], "text": "Walking backward on a treadmill"}}


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _id(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"urn:rearguard:{text}"))
