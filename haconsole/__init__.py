"""haconsole: a terminal console for highly available pairs of squid proxies."""
