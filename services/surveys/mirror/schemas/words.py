"""What the page for staff says itself, in Vietnamese and in English."""

from collections.abc import Mapping

from services.surveys.pages.schemas.words import Language

WORDS: Mapping[Language, Mapping[str, str]] = {
    "vi": {
        "as_customers": "Hãy trả lời như bạn nghĩ khách hàng sẽ trả lời trong thời gian từ {first} đến {last}.",
        "anonymous": "Khảo sát này ẩn danh: câu trả lời không có tên, không có giờ, và không thể sửa sau khi gửi.",
        "role": "Vai trò của bạn",
        "predicted": "Bạn dự đoán NPS của khách hàng là bao nhiêu (từ −100 đến 100)?",
        "executive": "Lãnh đạo",
        "manager": "Quản lý",
        "front_line": "Nhân viên tuyến đầu",
        "sent": "Đã ghi nhận câu trả lời của bạn. Kết quả chỉ được hiển thị sau khi đợt khảo sát đóng.",
        "used": "Liên kết không dùng được",
        "used_text": "Liên kết này không đúng, hoặc câu trả lời đã được gửi: mỗi liên kết nhận một câu trả lời.",
    },
    "en": {
        "as_customers": "Answer as you think that customers do, from {first} to {last}.",
        "anonymous": "This is anonymous: an answer has no name and no time, and cannot be changed once it is sent.",
        "role": "Your role",
        "predicted": "What is the customers' NPS, do you think (from −100 to 100)?",
        "executive": "Executive",
        "manager": "Manager",
        "front_line": "Front line",
        "sent": "Your answer was noted. Results are shown when the wave has closed, not before.",
        "used": "This link does not work",
        "used_text": "It is not right, or its answer was sent already: a link takes one answer.",
    },
}
