// Draws what /map/data says: no tiles, no fonts, nothing from outside. The list below the map says the same.
import * as maplibregl from "/static/vendor/maplibre-gl.mjs";

const box = document.getElementById("map");
const kind = (name) => ["==", ["get", "kind"], name];
const colour = [
  "case", ["get", "alarm"], "#9c1313",
  ["in", ["get", "state"], ["literal", ["accepted", "under_way", "done"]]], "#0c5a2b",
  ["in", ["get", "state"], ["literal", ["offered", "received"]]], "#8a5a00",
  "#0b4a8f",
];

function style(data) {
  return {
    version: 8,
    sources: { all: { type: "geojson", data } },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": "#eef2f6" } },
      { id: "zone", type: "fill", source: "all", filter: kind("zone"), paint: { "fill-color": "#ffffff", "fill-opacity": 0.9 } },
      { id: "border", type: "line", source: "all", filter: kind("zone"), paint: { "line-color": "#767f8c", "line-width": 1.5 } },
      { id: "reach", type: "line", source: "all", filter: kind("reach"), paint: { "line-color": "#8a5a00", "line-width": 2, "line-dasharray": [2, 2] } },
      { id: "walk", type: "fill", source: "all", filter: kind("walk"), paint: { "fill-color": "#0b4a8f", "fill-opacity": 0.15 } },
      { id: "way", type: "line", source: "all", filter: kind("way"), paint: { "line-color": "#0c5a2b", "line-width": 2 } },
      { id: "site", type: "circle", source: "all", filter: kind("site"), paint: { "circle-radius": 4, "circle-color": "#ffffff", "circle-stroke-color": "#4a5360", "circle-stroke-width": 2 } },
      { id: "team", type: "circle", source: "all", filter: kind("team"), paint: { "circle-radius": 6, "circle-color": "#4a5360" } },
      { id: "request", type: "circle", source: "all", filter: kind("request"), paint: { "circle-radius": 8, "circle-color": colour, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 } },
    ],
  };
}

function corners(data) {
  const bounds = new maplibregl.LngLatBounds();
  const add = (part) => (typeof part[0] === "number" ? bounds.extend(part) : part.forEach(add));
  data.features.forEach((feature) => add(feature.geometry.coordinates));
  return bounds;
}

function told(feature) {
  const { name, when, href } = feature.properties;
  const text = document.createElement("div");
  const link = document.createElement(href ? "a" : "span");
  if (href) link.href = href;
  link.textContent = name;
  text.append(link);
  if (when) text.append(document.createElement("br"), when);
  return text;
}

async function draw() {
  maplibregl.setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");
  const data = await (await fetch(box.dataset.source)).json();
  const bounds = corners(data);
  const map = new maplibregl.Map({ container: box, style: style(data), attributionControl: false, ...(bounds.isEmpty() ? {} : { bounds, fitBoundsOptions: { padding: 30, maxZoom: 15 } }) });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }));
  for (const layer of ["request", "site", "team"]) {
    map.on("click", layer, (event) => new maplibregl.Popup().setLngLat(event.lngLat).setDOMContent(told(event.features[0])).addTo(map));
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
  }
  map.once("idle", () => { box.dataset.drawn = data.features.length; });
}

draw().catch((error) => { box.textContent = box.dataset.none; box.dataset.drawn = "none"; box.dataset.fault = String(error); });
