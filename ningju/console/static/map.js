// Draws what /map/data says: no tiles, no fonts, nothing from outside. The list below the map says the same.

const box = document.getElementById("map");
const kind = (name) => ["==", ["get", "kind"], name];
const colour = [
  "case", ["get", "alarm"], "#9c1313",
  ["in", ["get", "state"], ["literal", ["accepted", "under_way", "done"]]], "#0c5a2b",
  ["in", ["get", "state"], ["literal", ["offered", "received"]]], "#8a5a00",
  "#0b4a8f",
];

const { tiles, credit } = box.dataset; // pictures below the map, where an address for them is set

function style(data) {
  const below = tiles ? [{ id: "tiles", type: "raster", source: "tiles" }] : [];
  return {
    version: 8,
    sources: { all: { type: "geojson", data }, ...(tiles ? { tiles: { type: "raster", tiles: [tiles], tileSize: 256, attribution: credit } } : {}) },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": "#eef2f6" } },
      ...below,
      { id: "zone", type: "fill", source: "all", filter: kind("zone"), paint: { "fill-color": "#ffffff", "fill-opacity": tiles ? 0.15 : 0.9 } },
      { id: "border", type: "line", source: "all", filter: kind("zone"), paint: { "line-color": "#767f8c", "line-width": 1.5 } },
      { id: "reach", type: "line", source: "all", filter: kind("reach"), paint: { "line-color": "#8a5a00", "line-width": 2, "line-dasharray": [2, 2] } },
      { id: "person", type: "line", source: "all", filter: kind("person"), paint: { "line-color": "#8a5a00", "line-width": 1.5, "line-opacity": 0.8 } },
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

// A click fills in the place; the form says the rest.
function pick(map) {
  const [lon, lat] = ["lon", "lat"].map((name) => document.querySelector(`input[name="${name}"]:not([type="hidden"])`));
  const marker = new maplibregl.Marker({ color: "#b35900" });
  const put = (at) => marker.setLngLat(at).addTo(map);
  if (lon.value && lat.value) put([Number(lon.value), Number(lat.value)]);
  map.getCanvas().style.cursor = "crosshair";
  map.on("click", (event) => {
    lon.value = event.lngLat.lng.toFixed(5);
    lat.value = event.lngLat.lat.toFixed(5);
    put(event.lngLat);
  });
}

let maplibregl; // large: fetched when a map is drawn, so that a form with a folded map can be filled in before

async function draw() {
  maplibregl = await import("/static/vendor/maplibre-gl.mjs");
  maplibregl.setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");
  const data = await (await fetch(box.dataset.source)).json();
  const bounds = corners(data);
  const map = new maplibregl.Map({ container: box, style: style(data), attributionControl: tiles ? {} : false, ...(bounds.isEmpty() ? {} : { bounds, fitBoundsOptions: { padding: 30, maxZoom: 15 } }) });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }));
  for (const layer of "pick" in box.dataset ? [] : ["request", "site", "team"]) {
    map.on("click", layer, (event) => new maplibregl.Popup().setLngLat(event.lngLat).setDOMContent(told(event.features[0])).addTo(map));
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
  }
  if ("pick" in box.dataset) pick(map);
  map.once("idle", () => { box.dataset.drawn = data.features.length; });
}

// A map in a fold is drawn when it is opened: before, it has no size.
const fold = box.closest("details");
if (fold && !fold.open) await new Promise((opened) => { fold.addEventListener("toggle", opened, { once: true }); });
draw().catch((error) => { box.textContent = box.dataset.none; box.dataset.drawn = "none"; box.dataset.fault = String(error); });
