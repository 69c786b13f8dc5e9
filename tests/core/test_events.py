from __future__ import annotations

import logging

from noria.core.events import Events


def test_every_listener_hears_every_event_until_it_stops_listening(caplog):
    events, one, two = Events(), [], []
    events.listen(one.append)
    events.listen(two.append)
    with caplog.at_level(logging.DEBUG, logger="noria"):
        events.emit("trial.finished", number=3)
    events.ignore(two.append)
    events.emit("trial.finished", number=4)
    assert [event.data["number"] for event in one] == [3, 4]
    assert [event.data["number"] for event in two] == [3]
    assert one[0].to_dict() == {"kind": "trial.finished", "time": one[0].time, "number": 3}
    assert caplog.messages == ["trial.finished {'number': 3}"]


def test_a_listener_may_leave_while_it_is_called():
    events, heard = Events(), []

    def once(event):
        heard.append(event.kind)
        events.ignore(once)

    events.listen(once)
    events.listen(lambda event: heard.append("other"))
    events.emit("a")
    events.emit("b")
    assert heard == ["a", "other", "other"]
