"""A first mapping, from the names of the columns and what stands in them. It is shown before anything is sent, never silently used. Pure.

Names are compared in lower case without punctuation; English, German and Chinese ones are known.
"""

import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from typing import Any, NamedTuple

from services.ingest.imports import values
from services.ingest.imports.cells import Cell, is_blank, text_of
from services.ingest.imports.mapping import Mapping
from services.ingest.imports.values import Decimal

ANSWERED, COMPLAINT = "feedback.survey_answered.v1", "feedback.complaint_raised.v1"
COMMENT, CONTACT = "feedback.comment_posted.v1", "interaction.completed.v1"

_NAMES: MappingOf[str, str] = {
    "id": "id|response id|respondent id|complaint id|ticket id|case id|case number|unique key|submission id|review id|event id|record id|"
    "antwort id|vorgangsnummer|ticketnummer|编号|答卷编号|序号|工单号|投诉编号",
    "time": "time|timestamp|date|datetime|created|created at|created date|creation date|submitted|submitted at|date submitted|submit date|"
    "date received|received at|response date|date created|opened|opened at|completed at|end date|posted at|review date|datum|"
    "zeitpunkt|erstellt am|eingang|eingangsdatum|时间|日期|提交时间|提交答卷时间|创建时间|投诉时间|评价时间",
    "text": "text|comment|comments|complaint|complaint text|message|feedback|review|review text|description|narrative|body|content|"
    "consumer complaint narrative|descriptor|complaint type|verbatim|kommentar|beschwerde|nachricht|"
    "beschreibung|评论|内容|投诉内容|评价内容|反馈|建议|描述",
    "rating": "rating|stars|star rating|sterne|bewertung|评分|星级|打分",
    "channel": "channel|source|submitted via|origin|open data channel type|kanal|渠道|来源",
    "category": "category|issue|reason|complaint category|kategorie|grund|类别|分类|投诉类型",
    "severity": "severity|schweregrad|严重程度",
    "product": "product|product name|produkt|产品|商品",
    "region": "region|state|country|borough|neighborhood|land|bundesland|地区|省份|城市",
    "team": "team|department|agency name|abteilung|部门|团队",
    "agent": "agent|agent name|assignee|mitarbeiter|坐席|客服",
    "touchpoint": "touchpoint|store|branch|location|filiale|门店|触点",
    "language": "language|lang|sprache|语言",
    "customer.id": "customer|customer id|customerid|client id|user id|account id|kundennummer|kunden id|客户编号|客户id|用户id|会员号",
    "customer.email": "email|e mail|email address|customer email|mail|e mail adresse|邮箱|电子邮件",
    "customer.phone": "phone|phone number|mobile|customer phone|telefon|telefonnummer|电话|手机|手机号",
    "customer.name": "name|customer name|full name|kunde|kundenname|客户姓名|姓名|客户",
    "customer.segment": "segment|customer segment|kundensegment|客户类型",
    "wait_seconds": "wait seconds|wait time|queue time|waiting time|wartezeit|等待时长",
    "handle_seconds": "handle seconds|handle time|talk time|duration|call duration|bearbeitungszeit|通话时长",
    "revision": "revision",
}
_FIELD = {name: field for field, names in _NAMES.items() for name in names.split("|")}
_NPS = re.compile(r"nps|net promoter|(how )?likely.*recommend|likelihood to recommend|weiterempfehl|推荐")
_CES = re.compile(r"\bces\b|effort|\beasy\b|einfach|费力|省力")
_CSAT = re.compile(r"csat|satisf|zufrieden|满意")
_CHANNELS = {
    "phone": "phone", "voice": "phone", "voice in": "phone", "call": "phone", "telefon": "phone", "电话": "phone",
    "email": "email", "e-mail": "email", "邮件": "email", "chat": "chat", "live chat": "chat", "sms": "sms", "短信": "sms",
    "web": "web", "online": "web", "website": "web", "internet": "web", "网站": "web", "app": "app", "mobile": "app",
    "social": "social", "twitter": "social", "facebook": "social", "微博": "social", "store": "store", "walk in": "store", "门店": "store",
    "postal mail": "mail", "mail": "mail", "letter": "mail", "fax": "mail", "brief": "mail", "form": "form", "review": "review",
    "wechat": "messaging", "微信": "messaging", "whatsapp": "messaging",
}  # fmt: skip
_COMMA = re.compile(r"[+-]?(\d{1,3}([.\s]\d{3})+,\d+|\d+,\d{1,2})")
_ISO_DAY_FIRST = re.compile(r"%d/%m/")


class Guess(NamedTuple):
    """A mapping, and what a person should decide: `problems` before it can run, `hints` if they want."""

    mapping: Mapping
    problems: Sequence[str]
    hints: Sequence[str]


def guess(columns: Sequence[str], sample: Sequence[Sequence[Cell]], survey: str) -> Guess:
    """Guess from the first rows; `survey` is what a survey is called that the file does not name."""
    by_column = {name: [row[place] for row in sample if not is_blank(row[place])] for place, name in enumerate(columns)}
    fields: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    hints: list[str] = []
    named: dict[str, list[str]] = {}
    for column in columns:
        if (field := _FIELD.get(_plain(column))) is not None:
            named.setdefault(field, []).append(column)
    answers = _answers(by_column, problems)
    for field, found in named.items():
        if field != "time":
            fields[field] = {"column": found if field == "text" and len(found) > 1 else found[0]}
    _time(fields, named.get("time", []), by_column, problems)
    type = _type(columns, fields, answers)
    _complete(type, fields, answers, by_column, survey, hints)
    if type == COMMENT and "rating" in fields:
        _rating(fields, by_column, problems)
    decimal: Decimal = "," if _decimal_comma(by_column, fields, answers) else "."
    mapping = Mapping.model_validate({"type": type, "fields": fields, "answers": answers, "decimal": decimal})
    return Guess(mapping, problems, hints)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


def _answers(by_column: MappingOf[str, Sequence[Cell]], problems: list[str]) -> dict[str, dict[str, Any]]:
    """Columns of points whose names say what was asked."""
    answers: dict[str, dict[str, Any]] = {}
    for column, cells in by_column.items():
        plain, points = _plain(column), _points(cells)
        if points is None or _FIELD.get(plain) is not None:
            continue
        low, high = points
        if _NPS.search(plain) and high <= 10:
            answers[column] = {"column": column, "instrument": "nps"}
        elif _CES.search(plain):
            answers[column] = {
                "column": column,
                "instrument": "ces",
                "scale_min": 1,
                "scale_max": 5 if high <= 5 else 7,
                "polarity": "ease",
            }
            problems.append(f"answer {column}: say its polarity, ease (high is easy) or effort (low is easy), and its scale")
        elif _CSAT.search(plain):
            answers[column] = {"column": column, "instrument": "csat", "scale_min": 0 if low < 1 else 1, "scale_max": _end(high)}
    return answers


def _points(cells: Sequence[Cell]) -> tuple[float, float] | None:
    """The lowest and the highest of a column of points, most of which lie from 0 to 10, or else to 100; None for any other column.

    What lies elsewhere is refused row by row: a word, a misprint, or a 99 for no answer does not make it another column.
    """
    points = [point for cell in cells if (point := _point(cell)) is not None]
    for highest in (10, 100):
        fitting = [point for point in points if 0 <= point <= highest]
        if 2 * len(fitting) > len(cells):
            return min(fitting), max(fitting)
    return None


def _point(cell: Cell) -> float | None:
    try:
        return values.number(cell, "." if "." in text_of(cell) else ",")
    except ValueError:
        return None


def _end(high: float) -> int:
    return next(end for end in (5, 7, 10, 100) if high <= end)


def _time(fields: dict[str, dict[str, Any]], named: Sequence[str], by_column: MappingOf[str, Sequence[Cell]], problems: list[str]) -> None:
    """The first column that is named like a time and holds times; where day and month cannot be told, a person is asked."""
    for column in named:
        forms = values.forms_of(by_column[column])
        if not forms:
            continue
        fields["time"] = {"column": column, "format": forms[0]}
        if any(_ISO_DAY_FIRST.search(form) for form in forms) and forms[0].startswith("%m/%d/"):
            problems.append(f"field time: {column} may be month/day or day/month, the first rows fit both: say its format, {forms[0]} or "
                            f"{forms[0].replace('%m/%d/', '%d/%m/')}")  # fmt: skip
        return
    if named:
        problems.append(f"field time: the times in {named[0]} are in no known form: say its format as Python's strptime writes it")
        fields["time"] = {"column": named[0]}


def _type(columns: Sequence[str], fields: MappingOf[str, Any], answers: MappingOf[str, Any]) -> str:
    if answers:
        return ANSWERED
    if any(re.search("complain|beschwerde|投诉", name.casefold()) for name in columns):
        return COMPLAINT
    if "wait_seconds" in fields or "handle_seconds" in fields:
        return CONTACT
    return COMMENT


def _complete(type: str, fields: dict[str, dict[str, Any]], answers: MappingOf[str, Any], by_column: MappingOf[str, Sequence[Cell]],
              survey: str, hints: list[str]) -> None:  # fmt: skip
    """What the type needs and the file does not say; what the type does not take goes."""
    if type == ANSWERED:
        fields.setdefault("survey", {"constant": survey})
        if "text" in fields:
            fields["comment"] = fields.pop("text")
    takes = {ANSWERED: {"comment", "survey"}, COMPLAINT: {"text", "category", "severity"}, COMMENT: {"text", "rating"},
             CONTACT: {"category", "wait_seconds", "handle_seconds"}}  # fmt: skip
    of_types = {"comment", "survey", "text", "category", "severity", "rating", "wait_seconds", "handle_seconds"}
    for field in of_types - takes[type]:
        fields.pop(field, None)
    _texts(type, fields, by_column, hints)
    if "channel" in fields:
        column = fields["channel"]["column"]
        words = {text_of(cell): meant for cell in by_column[column] if (meant := _CHANNELS.get(text_of(cell).casefold())) is not None}
        fields["channel"] |= {"words": words, "otherwise": "other"} if words else {"otherwise": "other"}
        if unknown := {text_of(cell) for cell in by_column[column]} - words.keys():
            hints.append(f"field channel: {', '.join(sorted(unknown)[:10])} in {column} count as other: add them to its words if you like")
        if not words:
            fields["channel"] = {"constant": "other"}
    else:
        fields["channel"] = {"constant": "review" if type == COMMENT and "rating" in fields else "other"}
        hints.append(f"field channel: the file does not say it, so it is {fields['channel']['constant']}")
    if "id" not in fields:
        hints.append("field id: no column holds an id, so equal rows are one: say which column tells rows apart, if there is one")


def _texts(type: str, fields: dict[str, dict[str, Any]], by_column: MappingOf[str, Sequence[Cell]], hints: list[str]) -> None:
    """A complaint or a comment needs a text: where a row has none, its category says what it was about."""
    if type not in (COMPLAINT, COMMENT):
        return
    said = fields.get("text", {}).get("column", [])
    columns = [said] if isinstance(said, str) else list(said)
    rows = max(map(len, by_column.values()), default=0)
    if "category" in fields and max((len(by_column[column]) for column in columns), default=0) < rows:
        fields["text"] = {"column": [*columns, fields["category"]["column"]]}
        hints.append(f"field text: where there is none, it is {fields['category']['column']}, because this type of event needs one")


def _rating(fields: dict[str, dict[str, Any]], by_column: MappingOf[str, Sequence[Cell]], problems: list[str]) -> None:
    points = _points(by_column[fields["rating"]["column"]])
    if points is None:
        problems.append("field rating: it holds more than numbers: say what its words mean, or leave the field out")
        del fields["rating"]
        return
    fields["scale_min"], fields["scale_max"] = {"constant": 0 if points[0] < 1 else 1}, {"constant": _end(points[1])}


def _decimal_comma(by_column: MappingOf[str, Sequence[Cell]], fields: MappingOf[str, Any], answers: MappingOf[str, Any]) -> bool:
    """Whether a column of numbers has cells like 4,5."""
    numeric = [rule["column"] for rule in answers.values()] + [
        fields[name]["column"] for name in ("rating", "wait_seconds", "handle_seconds") if name in fields
    ]
    texts = [text_of(cell) for column in numeric for cell in by_column[column] if isinstance(cell, str)]
    return any(_COMMA.fullmatch(text) for text in texts) and not any("." in text and "," not in text for text in texts)
