"""The programme: its wallets, its time zone and its terms, in versions."""
