"""The audience: loyalty's own copy of what rules ask of a person, folded from events under raw person keys.

Orders with what they hold, moves in and out of segments, and when somebody was first seen. Every table is the same
whatever order the events come in and however often; a person is the union over the keys of one root.
"""
