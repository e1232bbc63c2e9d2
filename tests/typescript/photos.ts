// The back end of a travel app hands a photo over and gets it back:
//   ORILLA=<address> TOKEN=<a user's token> USER_ID=<the user> node built/photos.js <photo>.png
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const { ORILLA = "http://127.0.0.1:3000", TOKEN = "", USER_ID = "456" } = process.env;
const orilla = createClient<paths>({
  baseUrl: ORILLA,
  headers: { Authorization: `Bearer ${TOKEN}` },
});

// Hash.
const photo = await readFile(process.argv[2] ?? "photo.png");
const image_hash = createHash("sha256").update(photo).digest("hex");

// Announce.
const { data: received, error } = await orilla.POST("/receiver", {
  body: {
    image_hash,
    content_type: "image/png",
    user_id: Number(USER_ID),
    post_id: 123,
    picture_id: 790,
    size: photo.length,
    post: { trip_id: 3, location_id: 5, content: "Chelsea" },
  },
});
if (!received) throw new Error(`${error.code}: ${error.error}`);

// Upload. HTTP clients set the length themselves.
if (!received.already_uploaded) {
  const { "content-length": _, ...headers } = received.upload_headers;
  const upload = await fetch(received.upload_url, { method: "PUT", headers, body: new Uint8Array(photo) });
  if (!upload.ok) throw new Error(`the store answered ${upload.status}`);
}

// Get back: the photo, and its record.
const file = { params: { path: { file: received.file_name } } };
const { response } = await orilla.GET("/obtain/{file}", { ...file, redirect: "manual" });
const location = response.headers.get("location");
if (!location) throw new Error(`there is no photo: ${response.status}`);
const back = Buffer.from(await (await fetch(location)).arrayBuffer());
const { data: image } = await orilla.GET("/images/{file}", file);
console.log(JSON.stringify({ is_same: back.equals(photo), status: image?.status, posts: image?.posts.length }));
