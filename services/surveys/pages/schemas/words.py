"""What a page says itself, in Vietnamese and in English; a survey in another language is framed in English."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["vi", "en"]

_VI: Mapping[str, str] = {
    "next": "Tiếp tục",
    "send": "Gửi câu trả lời",
    "back": "Quay lại",
    "change": "Sửa câu trả lời",
    "until": "Bạn có thể sửa câu trả lời đến {time}.",
    "progress": "Câu {first} trên {total}",
    "progress_many": "Câu {first}–{last} trên {total}",
    "required": "bắt buộc",
    "most": "Chọn tối đa {most}.",
    "between": "Chọn từ {least} đến {most}.",
    "characters": "Tối đa {most} ký tự.",
    "other": "Nội dung khác",
    "languages": "Ngôn ngữ",
    "errors": "Chưa gửi được. Vui lòng xem lại:",
    "missing": "Câu này cần câu trả lời.",
    "too_long": "Câu trả lời quá dài.",
    "too_few": "Hãy chọn thêm.",
    "too_many": "Bạn đã chọn quá nhiều.",
    "goes_alone": "Lựa chọn này không đi cùng lựa chọn khác.",
    "not_printable": "Câu trả lời có ký tự không dùng được.",
    "wrong": "Câu trả lời không hợp lệ.",
    "stale": "Trang đã mở quá lâu. Câu trả lời của bạn vẫn còn ở đây: hãy gửi lại.",
    "trapped": "Hãy để trống ô dưới đây rồi gửi lại.",
    "trap": "Để trống ô này",
    "preselected": "Bạn đã chọn {score}. Hãy gửi để chúng tôi ghi nhận; bạn có thể đổi trước khi gửi.",
    "thanks": "Cảm ơn bạn!",
    "closed": "Khảo sát đã đóng",
    "closed_text": "Khảo sát này không còn nhận câu trả lời. Cảm ơn bạn đã quan tâm.",
    "bad": "Liên kết không dùng được",
    "bad_text": "Liên kết này không đúng hoặc đã hết hạn. Hãy mở lại liên kết trong tin nhắn bạn nhận được.",
    "busy": "Vui lòng đợi một chút",
    "busy_text": "Có quá nhiều lượt truy cập từ đây. Hãy thử lại sau ít phút.",
    "large": "Câu trả lời quá dài",
    "large_text": "Chúng tôi không nhận được nhiều như vậy. Hãy quay lại và viết ngắn hơn.",
    "malformed": "Không đọc được câu trả lời",
    "malformed_text": "Hãy quay lại và gửi lại.",
    "method": "Không làm được như vậy",
    "method_text": "Địa chỉ này chỉ để xem và trả lời khảo sát.",
    "unavailable": "Tạm thời chưa dùng được",
    "unavailable_text": "Câu trả lời chưa được lưu. Hãy quay lại và gửi lại sau ít phút.",
    "late": "Đã hết thời gian sửa",
    "late_text": "Câu trả lời trước đó của bạn vẫn được giữ. Cảm ơn bạn!",
    "preview": "Bản xem trước: không có gì được ghi lại.",
    "close": "Đóng",
}
_EN: Mapping[str, str] = {
    "next": "Continue",
    "send": "Send answers",
    "back": "Back",
    "change": "Change your answers",
    "until": "You can change your answers until {time}.",
    "progress": "Question {first} of {total}",
    "progress_many": "Questions {first}–{last} of {total}",
    "required": "required",
    "most": "Choose at most {most}.",
    "between": "Choose {least} to {most}.",
    "characters": "At most {most} characters.",
    "other": "Something else",
    "languages": "Language",
    "errors": "Not sent yet. Please look at this again:",
    "missing": "This question needs an answer.",
    "too_long": "The answer is too long.",
    "too_few": "Please choose more.",
    "too_many": "You chose too many.",
    "goes_alone": "One of these goes with no other.",
    "not_printable": "The answer has characters that cannot be used.",
    "wrong": "The answer is not valid.",
    "stale": "The page was open for too long. Your answers are still here: please send them again.",
    "trapped": "Leave the field below empty, and send again.",
    "trap": "Leave this empty",
    "preselected": "You chose {score}. Send it and we note it; you can change it before.",
    "thanks": "Thank you!",
    "closed": "This survey is closed",
    "closed_text": "It takes no more answers. Thank you for your interest.",
    "bad": "This link does not work",
    "bad_text": "It is not right, or does not work any more. Open the link in the message you got once more.",
    "busy": "One moment, please",
    "busy_text": "There were too many visits from here. Try again in a few minutes.",
    "large": "The answer is too long",
    "large_text": "We cannot take that much. Go back and write less.",
    "malformed": "The answer cannot be read",
    "malformed_text": "Go back and send it again.",
    "method": "That cannot be done here",
    "method_text": "This address is there to see and answer a survey.",
    "unavailable": "Not available right now",
    "unavailable_text": "Your answer was not stored. Go back and send it again in a few minutes.",
    "late": "It is too late for changes",
    "late_text": "What you answered before stays as it is. Thank you!",
    "preview": "A preview: nothing is recorded.",
    "close": "Close",
}
WORDS: Mapping[Language, Mapping[str, str]] = {"vi": _VI, "en": _EN}
NAMES: Mapping[str, str] = {"vi": "Tiếng Việt", "en": "English"}


def language_of(locale: str) -> Language:
    """The language in which a page frames a survey."""
    return "vi" if locale.lower().partition("-")[0] == "vi" else "en"


def words_for(locale: str) -> Mapping[str, str]:
    """The words for a locale."""
    return WORDS[language_of(locale)]
