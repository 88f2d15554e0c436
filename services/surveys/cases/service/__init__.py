"""Use cases of cases.

`opening` answers come by · `writing` how a case changes · `routing` who gets it
"""
