"""The steps of set-up, one a file, in the order in which they are done."""

from firmware_py.device.setup.engine import Step
from firmware_py.device.setup.steps.alerts import alerts
from firmware_py.device.setup.steps.board import board
from firmware_py.device.setup.steps.calibrate import calibrate
from firmware_py.device.setup.steps.check import check
from firmware_py.device.setup.steps.chips import chips
from firmware_py.device.setup.steps.commission import commission
from firmware_py.device.setup.steps.mqtt import mqtt
from firmware_py.device.setup.steps.network import network
from firmware_py.device.setup.steps.selftest import selftest
from firmware_py.device.setup.steps.sheet import sheet
from firmware_py.device.setup.steps.treadmill import treadmill
from firmware_py.locale import mark

STEPS = (
    Step("treadmill", mark("Is this treadmill suitable?"), treadmill, needed=True),
    Step("board", mark("The Raspberry Pi"), board),
    Step("network", mark("Name and page"), network),
    Step("chips", mark("Find the sensors"), chips, needed=True),
    Step("check", mark("Check the wiring"), check),
    Step("selftest", mark("Prove the stop"), selftest, needed=True),
    Step("calibrate", mark("How the pod sits"), calibrate),
    Step("commission", mark("Measure the treadmill"), commission),
    Step("mqtt", mark("Messages to your home"), mqtt),
    Step("alerts", mark("Alerts to a phone"), alerts),
    Step("sheet", mark("The sheet for the treadmill"), sheet),
)
