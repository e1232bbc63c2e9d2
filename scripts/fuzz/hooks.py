"""Values of the formats that the OpenAPI document has and JSON Schema has not."""

import base64
import datetime

import schemathesis
from hypothesis import strategies as st

DAYS = st.dates(datetime.date(1970, 1, 1), datetime.date(2200, 1, 1))
MOMENTS = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2200, 1, 1))
OFFSETS = st.sampled_from(["Z", "+01:00", "-05:30"])
IDS = st.from_regex(r"\A[A-Za-z0-9_:-]{1,128}\Z")

rfc3339 = st.tuples(MOMENTS, st.sampled_from("Tt "), OFFSETS).map(
    lambda it: it[0].strftime(f"%Y-%m-%d{it[1]}%H:%M:%S") + it[2]
)
days = DAYS.map(lambda day: day.isoformat())
fechas = st.one_of(days, MOMENTS.map(lambda it: it.strftime("%Y-%m-%d %H:%M:%S")), rfc3339)
amounts = st.decimals(-10**9, 10**9, places=2).map(str)
places = st.tuples(st.integers(0, 2**53), IDS).map(lambda it: f"{it[0]}:{it[1]}")
labels = st.tuples(
    st.text("abcdefghijklmnopqrstuvwxyz ", min_size=1).filter(str.strip),
    st.sampled_from("<>"),
    st.integers(0, 100),
).map(lambda it: f"{it[0]}{it[1]}{it[2]}")
hosts = st.from_regex(r"\A[a-z]{1,9}\.example\Z")
urls = hosts.map(lambda host: f"https://{host}/hooks")
secrets = st.binary(min_size=24, max_size=64).map(
    lambda it: "whsec_" + base64.b64encode(it).decode()
)
types = st.sampled_from(["image/jpeg", "image/png", "image/webp", "IMAGE/JPG; q=1", "image/pjpeg"])

for name, strategy in {
    "amount": amounts,
    "date": days,
    "fecha": fechas,
    "image-type": types,
    "label": labels,
    "order-date": rfc3339,
    "place": places,
    "webhook-secret": secrets,
    "webhook-url": urls,
}.items():
    schemathesis.openapi.format(name, strategy)
