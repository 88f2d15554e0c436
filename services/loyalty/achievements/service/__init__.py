"""Use cases of achievements: as staff makes them, what customers reach, and how far they are."""

from services.loyalty.achievements.service.defining import Achievements
from services.loyalty.achievements.service.settling import AchievementSettling
from services.loyalty.achievements.service.showing import AchievementShow

__all__ = ["AchievementSettling", "AchievementShow", "Achievements"]
