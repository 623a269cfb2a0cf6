import { AnalyticsBrowser } from "analytics-next-1.84";

window.AnalyticsBrowser = AnalyticsBrowser;
