"""Icons, as paths around their middle, drawn for this project."""

from __future__ import annotations

from typing import Final, NamedTuple

from procession.model import Error, EventDefinition, Kind, Message, Signal, Terminate, Timer


class Icon(NamedTuple):
    """`outline` is drawn as a line and, where it throws, filled; `inside` are finer lines in it."""

    outline: str
    inside: str = ""


ENVELOPE: Final = Icon("M-9,-6 H9 V6 H-9 Z", "M-9,-6 L0,1 L9,-6")
EVENTS: Final[dict[type[EventDefinition], Icon]] = {
    Timer: Icon("M0,-10 A10,10 0 1 1 0,10 A10,10 0 1 1 0,-10 Z", "M1.5,-6.5 L0,0.5 L5,3"),
    Message: ENVELOPE,
    Signal: Icon("M0,-9 L9,6 H-9 Z"),
    Error: Icon("M-8,8 L-3,-6 L3,2 L8,-8 L3,8 L-3,0 Z"),
    Terminate: Icon("M0,-9 A9,9 0 1 1 0,9 A9,9 0 1 1 0,-9 Z"),
}
TASKS: Final = {
    Kind.SERVICE_TASK: Icon(
        "M-1.5,-8 H1.5 L2,-5.6 L4,-4.8 L6,-6 L8,-4 L6.8,-2 L7.4,-0.4 L10,0 V3 L7.4,3.4 L6.6,5.2 L8,7.2 L6,9.2"
        " L4,8 L2,8.6 L1.5,11 H-1.5 L-2,8.6 L-4,8 L-6,9.2 L-8,7.2 L-6.6,5.2 L-7.4,3.4 L-10,3 V0 L-7.4,-0.4"
        " L-6.8,-2 L-8,-4 L-6,-6 L-4,-4.8 L-2,-5.6 Z",
        "M0,-1.7 A3.2,3.2 0 1 1 0,4.7 A3.2,3.2 0 1 1 0,-1.7 Z",
    ),
    Kind.SEND_TASK: ENVELOPE,
    Kind.RECEIVE_TASK: ENVELOPE,
    Kind.USER_TASK: Icon(
        "M-9,9 V5 C-9,1 -5,-0.5 -3,-1 A5,5 0 1 1 3,-1 C5,-0.5 9,1 9,5 V9 Z", "M-5,9 V5.5 M5,9 V5.5"
    ),
    Kind.MANUAL_TASK: Icon("M-9,-1 L-2,-7 H0 L-1.5,-4.5 H8 V-2 H3 H9 V0.5 H3 H8.5 V3 H3 H7 V5.5 H-5 L-9,3 Z"),
    Kind.SCRIPT_TASK: Icon(
        "M-4,-9 H8 C3,-5 3,-3 6,0 S7,6 4,9 H-8 C-4,5 -5,3 -7,0 S-8,-6 -4,-9 Z", "M-4,-5 H2 M-4,0 H3 M-4,5 H3"
    ),
    Kind.BUSINESS_RULE_TASK: Icon("M-9,-7 H9 V7 H-9 Z", "M-9,-3 H9 M-9,2 H9 M-3,-3 V7 M-9,-5 H9"),
}
GATEWAYS: Final = {
    Kind.EXCLUSIVE_GATEWAY: "M-7,-9 L7,9 M7,-9 L-7,9",
    Kind.PARALLEL_GATEWAY: "M0,-12 V12 M-12,0 H12",
    Kind.INCLUSIVE_GATEWAY: "M0,-11 A11,11 0 1 1 0,11 A11,11 0 1 1 0,-11 Z",
}
AWAITED: Final = "M0,-7 L7,-1.5 L4,6.5 H-4 L-7,-1.5 Z"
"""The pentagon of an event-based gateway."""
DIAMOND: Final = "M0,-25 L25,0 L0,25 L-25,0 Z"
ONE_BY_ONE: Final = "M-6,-4 H6 M-6,0 H6 M-6,4 H6"
TOGETHER: Final = "M-4,-6 V6 M0,-6 V6 M4,-6 V6"
CALLED: Final = "M-7,-7 H7 V7 H-7 Z M-4,0 H4 M0,-4 V4"
DEFAULT: Final = "M-4,-6 L4,6"
