"""What touchpoints does about the rights of people: their journeys, what was refused of them, the raw topics."""
