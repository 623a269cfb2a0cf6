import { AnalyticsBrowser } from "analytics-next-1.81";

window.AnalyticsBrowser = AnalyticsBrowser;
