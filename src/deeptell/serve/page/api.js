// The server's API, and what it says when something is wrong.

const API = "/api/v1";

export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

async function asked(path, options = {}) {
  let response;
  try {
    response = await fetch(API + path, options);
  } catch (error) {
    throw new Refused(0, error.message);
  }
  if (!response.ok) throw new Refused(response.status, await reasonOf(response));
  return response.status === 204 ? null : response.json();
}

async function reasonOf(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : response.statusText;
  } catch {
    return response.statusText;
  }
}

const JSON_BODY = { "content-type": "application/json" };

export const jobs = (before) => asked(`/jobs?limit=50${before ? `&before=${before}` : ""}`);
export const job = (id) => asked(`/jobs/${id}`);
export const result = (id) => asked(`/jobs/${id}/result`);
export const erase = (id) => asked(`/jobs/${id}`, { method: "DELETE" });
export const cancel = (id) => asked(`/jobs/${id}/cancel`, { method: "POST" });
export const open = (token) =>
  asked("/session", { method: "POST", headers: JSON_BODY, body: JSON.stringify({ token }) });
export const media = (id) => `${API}/jobs/${id}/media`;
export const report = (id) => `${API}/jobs/${id}/report`;
export const document_ = (id) => `${API}/jobs/${id}/result`;
export const picture = (id, path) => `${API}/jobs/${id}/evidence/${path}`;

// fetch does not say how much was sent; XMLHttpRequest does.
export function send(file, options, progress) {
  const query = new URLSearchParams({ name: file.name, stress: options.stress });
  if (options.rate) query.set("false_alarms", options.rate);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${API}/jobs?${query}`);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      const said = parsed(request.responseText);
      if (request.status === 202) resolve(said);
      else reject(new Refused(request.status, typeof said?.detail === "string" ? said.detail : request.statusText));
    };
    request.onerror = () => reject(new Refused(0, ""));
    request.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const KINDS = ["queued", "running", "done", "failed", "cancelled", "deleted"];

// What happens after an event; EventSource resumes by itself where the line breaks.
export function follow(after, heard) {
  const source = new EventSource(`${API}/events?after=${after}`);
  for (const kind of KINDS) source.addEventListener(kind, (event) => heard(kind, JSON.parse(event.data)));
  return source;
}
