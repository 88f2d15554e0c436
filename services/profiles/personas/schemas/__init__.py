"""Wire forms of personas: JSON documents, and a card to hang on the wall."""
