# The web server of the house.
{ config, lib, ... }:
let
  port = 8080;
in {
  imports = [ ./users.nix ];

  # Serves the shop behind TLS.
  services.nginx = {
    enable = true;
    virtualHosts."shop.example" = {
      enableACME = true;
      forceSSL = true;
    };
  };

  networking.firewall.allowedTCPPorts = [ 80 443 ];
}
