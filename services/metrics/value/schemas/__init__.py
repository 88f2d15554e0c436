"""Wire forms of predicted value. Money is a decimal string in major units; what cannot be said is null, with why."""
