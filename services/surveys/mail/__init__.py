"""Invitations that leave by mail: at most one transmission each, and none whose fate nobody knows is sent again."""
