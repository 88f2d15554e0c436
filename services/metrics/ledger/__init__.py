"""The way in: facts about orders and about who is whom become rows that figures are read from."""
